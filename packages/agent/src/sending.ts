import { exchanges, type CommandData } from '@journey/contracts'
import type { Publisher } from '@journey/messaging'

/** What an agent says. `replyTo` names the queue that shall hear of its outcome. */
export type Outgoing = {
  id: string
  correlationId?: string | undefined
  causationId?: string | undefined
  replyTo?: string | undefined
  priority?: number
} & (
  | { type: 'agent.register'; data: Registration }
  | { type: 'agent.heartbeat'; data: CommandData<'agent.heartbeat'> }
  | { type: 'task.complete'; data: CommandData<'task.complete'> }
  | { type: 'task.fail'; data: CommandData<'task.fail'> }
)

/** What is left out of a registration gets its default from whoever reads the command. */
export type Registration = Pick<CommandData<'agent.register'>, 'agent_id' | 'name' | 'intents'> &
  Partial<Pick<CommandData<'agent.register'>, 'type' | 'version'>>

/** Resolves once the broker has the command safe. @throws as `Publisher.publish` */
export type Send = (command: Outgoing) => Promise<void>

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
