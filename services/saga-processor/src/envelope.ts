import { exchanges, type CommandEnvelope, type CommandType } from '@journey/contracts'
import type { Publisher } from '@journey/messaging'
import type { TimedCommand } from '@journey/read-model'

export const service = 'saga-processor'

/** Sends a command of ours; resolves once the broker has it safe. Repeating it under its id is harmless. */
export type Send = (command: TimedCommand) => Promise<void>

export const createSend =
  (publisher: Publisher, now: () => Date): Send =>
  async ({ id, type, data, correlationId, causationId }) => {
    const envelope: CommandEnvelope = {
      command_id: id,
      command_type: type as CommandType,
      command_version: '1.0',
      timestamp: now().toISOString(),
      source: service,
      data,
      metadata: { correlation_id: correlationId, causation_id: causationId, actor: { type: 'system', id: service } },
    }
    await publisher.publish(exchanges.commands.name, type, Buffer.from(JSON.stringify(envelope)), {
      messageId: id,
      correlationId,
      type,
    })
  }
