/** What colours tell apart. */
export type Shade = 'client' | 'gateway' | 'mark' | 'fault' | 'dim' | 'heading';

/** Puts text into a colour, or leaves it as it is. */
export type Palette = (shade: Shade, text: string) => string;

/** When colours are used. */
export const COLOUR_CHOICES = ['auto', 'always', 'never'] as const;
export type ColourChoice = (typeof COLOUR_CHOICES)[number];

/**
 * The palette for an output. `auto`: on terminals, unless NO_COLOR is set or the terminal is a dumb one.
 * @param environment the variables that have a say.
 */
export function paletteFor(
  choice: ColourChoice,
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Palette {
  const { NO_COLOR: noColour = '', TERM: terminal } = environment;
  const isWanted =
    choice === 'always' || (choice === 'auto' && isTerminal && noColour === '' && terminal !== 'dumb');
  return isWanted ? coloured : plain;
}

const plain: Palette = (_, text) => text;

const coloured: Palette = (shade, text) => (text === '' ? '' : `\u001b[${CODES[shade]}m${text}\u001b[0m`);

const CODES: Readonly<Record<Shade, string>> = {
  client: '36',
  gateway: '32',
  mark: '33',
  fault: '31',
  dim: '2',
  heading: '1',
};
