import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { malformed } from '@journey/runtime'

/** A key that content is sealed with. `id` is 16 hexadecimal digits and stands in front of everything that was sealed with it. */
export type DataKey = { readonly id: string; readonly seal: Buffer; readonly nonce: Buffer }

/** @param secret 32 random bytes */
export const dataKeyOf = (id: string, secret: Uint8Array): DataKey => ({
  id,
  seal: Buffer.from(hkdfSync('sha256', secret, '', 'journey seal', 32)),
  nonce: Buffer.from(hkdfSync('sha256', secret, '', 'journey nonce', 32)),
})

/**
 * Seals with AES-256-GCM. The nonce follows from key, context and content (as in RFC 5297, SIV), so that sealing the same once
 * more gives the same bytes: a repeated append carries what the first did, and a rebuilt table equals the live one. It tells
 * only that two sealed values are the same, and no nonce is used for two.
 *
 * @param context where the sealed value belongs; it opens nowhere else
 * @returns version (1 byte), key id (8), nonce (12), tag (16), ciphertext
 */
export const sealBytes = (key: DataKey, content: Buffer, context: string): Buffer => {
  const head = Buffer.concat([Buffer.of(version), Buffer.from(key.id, 'hex')])
  const nonce = createHmac('sha256', key.nonce)
    .update(lengthOf(context))
    .update(context)
    .update(content)
    .digest()
    .subarray(0, nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key.seal, nonce).setAAD(Buffer.concat([head, Buffer.from(context)]))
  const sealed = [cipher.update(content), cipher.final()]
  return Buffer.concat([head, nonce, cipher.getAuthTag(), ...sealed])
}

/** The id of the key that something was sealed with. @throws malformed `privacy/tampered` */
export const keyIdOf = (sealed: Buffer): string => {
  if (sealed[0] !== version || sealed.length < headBytes + nonceBytes + tagBytes)
    throw malformed('privacy/tampered', 'What stands here as sealed content was not sealed by us, or is cut off')
  return sealed.subarray(1, headBytes).toString('hex')
}

/** @throws malformed `privacy/tampered`: changed, sealed with another key, or moved here from elsewhere */
export const openBytes = (key: DataKey, sealed: Buffer, context: string): Buffer => {
  const head = sealed.subarray(0, headBytes)
  const nonce = sealed.subarray(headBytes, headBytes + nonceBytes)
  const tag = sealed.subarray(headBytes + nonceBytes, headBytes + nonceBytes + tagBytes)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.seal, nonce)
      .setAAD(Buffer.concat([head, Buffer.from(context)]))
      .setAuthTag(tag)
    return Buffer.concat([decipher.update(sealed.subarray(headBytes + nonceBytes + tagBytes)), decipher.final()])
  } catch {
    throw malformed(
      'privacy/tampered',
      `The sealed content of ${context} does not open with its key: it was changed, or belongs elsewhere`,
    )
  }
}

const version = 1
const headBytes = 9
const nonceBytes = 12
const tagBytes = 16

const lengthOf = (text: string): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Buffer.byteLength(text))
  return bytes
}
