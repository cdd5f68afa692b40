import { createHmac } from 'node:crypto'

/** The header a receiver checks; REQ-T283 and TECH-003 section 2.3. */
export const signatureHeader = 'x-webhook-signature'

/** `sha256=` and the HMAC-SHA256, in hex, of the bytes as they are sent: a receiver must not parse and print them again first. */
export const signatureOf = (secret: string, body: Uint8Array): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
