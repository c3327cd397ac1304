/** Why a request was refused. Never holds anything secret. */
export interface HttpProblem<Code extends string = string> {
  readonly code: Code;
  /** HTTP status. */
  readonly status: number;
  /** One sentence for people, always the same for a code. */
  readonly title: string;
  /** What exactly is wrong, for people; null when the title says it. */
  readonly detail: string | null;
}

/**
 * As `application/problem+json` (RFC 9457); `code` is ours, for programs.
 * @param area what the codes belong to.
 */
export function problemText(area: string, { code, status, title, detail }: HttpProblem): string {
  return JSON.stringify({
    type: `urn:kcpgate:${area}:${code}`,
    title,
    status,
    ...(detail === null ? {} : { detail }),
    code,
  });
}

/** The media type of {@link problemText}. */
export const PROBLEM_TYPE = 'application/problem+json';
