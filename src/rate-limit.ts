/**
 * Whether what a registry says, itself or through an engine, is that it was asked too much. GitHub says so by a 403 that reads like a
 * missing right: `denied: You have exceeded a secondary rate limit`.
 */
export function saysRateLimit(said: string): boolean {
  return /rate.?limit|rate exceeded|too.?many.?requests|throttl/i.test(said);
}

/** What to do then. */
export function rateLimitHint(registry: string): string {
  return `wait, or log in for a higher limit: docker login ${registry}`;
}
