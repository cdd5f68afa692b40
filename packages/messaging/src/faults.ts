import { Fault, messageOf, unavailable } from '@journey/runtime'

/** AMQP reply codes that say more than "gone" (AMQP 0-9-1, constants). */
const replyCodes: Record<number, { code: string; hint: string }> = {
  403: { code: 'broker/access_refused', hint: 'Check user, password, virtual host and permissions' },
  404: { code: 'broker/not_found', hint: 'Start the service that owns it, or the node that holds it' },
  405: { code: 'broker/locked', hint: 'Another connection holds it for itself; stop that one' },
  530: { code: 'broker/access_refused', hint: 'Check that the virtual host exists and the user may use it' },
}

/**
 * Whatever amqplib throws or emits, as one of ours: always `unavailable`, since nothing a broker says about a connection or
 * a channel is the message's fault.
 *
 * @param doing what failed, as an object: `opening a channel`
 */
export const brokerFault = (error: unknown, doing: string): Fault => {
  if (error instanceof Fault) return error
  const known = replyCodes[replyCodeOf(error)] ?? { code: 'broker/away', hint: 'It is tried again' }
  return unavailable(known.code, `The broker failed at ${doing}: ${textOf(error)}. ${known.hint}.`, error)
}

/** The number is a property once connected; a failed handshake (amqplib 2.3.1, `connection.js`) says it in the text alone, a missing virtual host not even there. */
export const replyCodeOf = (error: unknown): number => {
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'number') return code
  const text = messageOf(error)
  if (text.startsWith('Expected ConnectionOpenOk; got <ConnectionClose')) return 530
  return Number(/^Handshake terminated by server: (\d{3})/.exec(text)?.[1])
}

/** Node's refused connections to a name with two addresses come with an empty message. */
const textOf = (error: unknown): string => messageOf(error) || String((error as { code?: string }).code)
