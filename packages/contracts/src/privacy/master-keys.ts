import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { unavailable } from '@journey/runtime'

/** A key of the operator's. `id` follows from it and tells nothing of it. */
export type MasterKey = { readonly id: string; readonly secret: Buffer }

/** The key that data keys are wrapped with from now on, and all that they may have been wrapped with, by id. */
export type MasterKeys = { readonly current: MasterKey; readonly known: ReadonlyMap<string, MasterKey> }

/** The keys of the settings, each 32 bytes in base64. */
export const masterKeysOf = ({ key, old }: { key: string; old: readonly string[] }): MasterKeys => {
  const [current, ...former] = [key, ...old].map((base64): MasterKey => {
    const secret = Buffer.from(base64, 'base64')
    return { id: createHash('sha256').update('journey master key\0').update(secret).digest('hex').slice(0, 8), secret }
  })
  return { current: current!, known: new Map([...former, current!].map((one) => [one.id, one])) }
}

/** A data key as it is stored: nonce (12 bytes), tag (16), ciphertext. `context` says whose key it is. */
export const wrap = ({ secret }: MasterKey, dataSecret: Uint8Array, context: string): Buffer => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(Buffer.from(context))
  const wrapped = [cipher.update(dataSecret), cipher.final()]
  return Buffer.concat([nonce, cipher.getAuthTag(), ...wrapped])
}

/** @throws unavailable `privacy/key_damaged` */
export const unwrap = ({ id, secret }: MasterKey, wrapped: Buffer, context: string): Buffer => {
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, wrapped.subarray(0, 12))
      .setAAD(Buffer.from(context))
      .setAuthTag(wrapped.subarray(12, 28))
    return Buffer.concat([decipher.update(wrapped.subarray(28)), decipher.final()])
  } catch (cause) {
    throw unavailable(
      'privacy/key_damaged',
      `The data key of ${context} does not unwrap with the master key ${id}: its row in data_keys was changed; restore it from a backup`,
      cause,
    )
  }
}
