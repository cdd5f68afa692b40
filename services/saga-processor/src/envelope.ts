import { exchanges, type CommandEnvelope, type CommandType } from '@journey/contracts'
import type { Send } from '@journey/handlers'
import type { Publisher } from '@journey/messaging'

export const service = 'saga-processor'

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
