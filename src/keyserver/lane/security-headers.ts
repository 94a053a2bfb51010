/**
 * On every answer: nothing we serve is guessed at, framed, run as script or fetched over plain HTTP (RFC 6797).
 * An application that serves pages sets its own Content-Security-Policy instead.
 */
export const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["Strict-Transport-Security", "max-age=63072000"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"],
];
