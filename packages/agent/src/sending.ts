import { exchanges, type CommandData, type CommandType } from '@journey/contracts'
import type { Publisher } from '@journey/messaging'

/** A command of an agent. `replyTo` names the queue that shall hear of its outcome. */
export type Outgoing<Type extends CommandType = CommandType> = {
  id: string
  type: Type
  data: CommandData<Type>
  correlationId?: string | undefined
  causationId?: string | undefined
  replyTo?: string | undefined
  priority?: number
}

/** Resolves once the broker has the command safe. @throws as `Publisher.publish` */
export type Send = <Type extends CommandType>(command: Outgoing<Type>) => Promise<void>

/** Publishes commands in the name of one agent. */
export const createSend =
  ({ publisher, agentId, now }: { publisher: Publisher; agentId: string; now: () => Date }): Send =>
  async ({ id, type, data, correlationId, causationId, replyTo, priority }) => {
    const at = now()
    const envelope = {
      command_id: id,
      command_type: type,
      command_version: '1.0',
      timestamp: at.toISOString(),
      source: agentId,
      data,
      metadata: {
        ...(correlationId !== undefined && { correlation_id: correlationId }),
        ...(causationId !== undefined && { causation_id: causationId }),
        actor: { type: 'agent', id: agentId },
      },
    }
    await publisher.publish(exchanges.commands.name, type, Buffer.from(JSON.stringify(envelope)), {
      messageId: id,
      correlationId: id, // of the reply; what the command belongs to stands in its metadata
      type,
      timestamp: Math.floor(at.getTime() / 1000),
      appId: agentId,
      ...(replyTo !== undefined && { replyTo }),
      ...(priority !== undefined && { priority }),
    })
  }
