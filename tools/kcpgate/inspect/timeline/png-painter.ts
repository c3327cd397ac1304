import { GatewayError } from '../../../../src/base/errors.ts';

/** Paints an SVG picture. @returns a PNG file. */
export type PngPainter = (svg: string) => Uint8Array;

/**
 * What paints PNG files. It is a package that few need, so nobody has to have it.
 * @throws GatewayError `config_invalid` when it is not installed; the message says how to get it, and what else there is.
 */
export async function loadPngPainter(load = () => import('@resvg/resvg-js')): Promise<PngPainter> {
  const { Resvg } = await load().catch((cause: unknown) => {
    throw new GatewayError('config_invalid', MISSING, { cause });
  });
  return (svg) => new Resvg(svg, { fitTo: SHARP, font: FONT }).render().asPng();
}

/** Two pixels for one, as most screens want it. */
const SHARP = { mode: 'zoom', value: 2 } as const;
/** Those of the system; without any there is a picture, but no text. */
const FONT = { loadSystemFonts: true, defaultFontFamily: 'sans-serif' };
const MISSING =
  'kcpgate: a PNG takes the package @resvg/resvg-js (npm install @resvg/resvg-js); a file that ends in .svg takes none';
