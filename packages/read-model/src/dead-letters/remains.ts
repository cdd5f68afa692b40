import { clientIdPattern, readJson } from '@journey/contracts'

/** What can still be read of a message that nobody could handle: its type, and the client or the unit of work it is about. */
export type Remains = { type: string | undefined; clientId: string | undefined; workId: string | undefined }

export const remainsOf = (body: Uint8Array): Remains => {
  const message = objectIn(body)
  const { data } = message
  const clientId = isObject(data) && data.client_id !== undefined ? data.client_id : message.client_id
  const workId = isObject(data) ? data.work_id : undefined
  const type = message.command_type ?? message.event_type ?? message.intent
  return {
    type: typeof type === 'string' && type !== '' ? type.slice(0, 255) : undefined,
    clientId: typeof clientId === 'string' && clientIdPattern.test(clientId) ? clientId : undefined,
    workId: typeof workId === 'string' && /^[^\0]{1,255}$/.test(workId) ? workId : undefined,
  }
}

const objectIn = (body: Uint8Array): Record<string, unknown> => {
  try {
    const value = readJson(body, Number.MAX_SAFE_INTEGER)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
