/** The token of an `Authorization: Bearer` header (RFC 6750); undefined when there is none, or one of another scheme. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
}
