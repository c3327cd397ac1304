/**
 * Why bytes could not be decoded.
 *
 * - `truncated`: header, address block or payload is cut off
 * - `unknown_command`: not a command of this protocol
 * - `bad_length`: the payload is not as long as the command demands
 * - `bad_address_block`: version or length of the address block is wrong
 */
export type DecodeFault = 'truncated' | 'unknown_command' | 'bad_length' | 'bad_address_block';
