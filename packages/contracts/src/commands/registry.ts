import {
  agentStream,
  journeyStream,
  unitOfWorkStream,
  type Agent,
  type Journey,
  type UnitOfWork,
} from '@journey/domain'
import * as data from './data.js'

export type DomainCommand = Journey.Command | UnitOfWork.Command | Agent.Command
export type CommandType = DomainCommand['type']
export type CommandData<Type extends CommandType> = Extract<DomainCommand, { type: Type }>['data']

/** Which aggregate decides a command. */
export type Decider = 'journey' | 'unit_of_work' | 'agent'

/** One command type: who decides it, what its data must look like, and what stands in where something optional was left out. */
export type CommandKind = {
  decider: Decider
  data: new () => object
  /** `service`: the saga-processor's own, nobody else's (CONTRACT.md). */
  from: 'anyone' | 'service'
  defaults?: (data: never) => object
}

const journey = (type: new () => object, defaults?: CommandKind['defaults']): CommandKind => ({
  decider: 'journey',
  data: type,
  from: 'anyone',
  ...(defaults && { defaults }),
})
const work = (type: new () => object, defaults?: CommandKind['defaults']): CommandKind => ({
  decider: 'unit_of_work',
  data: type,
  from: 'anyone',
  ...(defaults && { defaults }),
})
const agent = (type: new () => object, defaults?: CommandKind['defaults']): CommandKind => ({
  decider: 'agent',
  data: type,
  from: 'anyone',
  ...(defaults && { defaults }),
})
const own = (kind: CommandKind): CommandKind => ({ ...kind, from: 'service' })

/** Every command type there is. The major version of all of them is 1. */
export const commandKinds = {
  'journey.start': journey(data.StartJourney, ({ data_sources }: data.StartJourney) => ({
    connectors: data_sources,
    users: [],
    pilot_cohort_size: 10,
    contract_signed: false,
    parameters: {},
  })),
  'journey.promote': journey(data.PromoteJourney),
  'journey.validate_exit': journey(data.OfClient),
  'journey.rollback': journey(data.RollBackJourney),
  'journey.hold': journey(data.WithReason),
  'journey.release': journey(data.WithReason),
  'journey.cancel': journey(data.WithReason),
  'journey.complete': journey(data.CompleteJourney),
  'approval.decide': work(data.DecideApproval),
  'unit_of_work.retry': work(data.RetryUnitOfWork),
  'unit_of_work.cancel': work(data.CancelUnitOfWork),
  'task.complete': work(data.CompleteTask, () => ({ output: {} })),
  'task.fail': work(data.FailTask, () => ({ retryable: true })),
  'agent.register': agent(data.RegisterAgent, () => ({ type: 'agent', version: '1.0.0', cognitive_pattern: null })),
  'agent.heartbeat': agent(data.AgentHeartbeat),
  'journey.request_evaluation': own(journey(data.RequestEvaluation)),
  'journey.record_evaluation': own(journey(data.RecordEvaluation)),
  'journey.finish_rollback': own(journey(data.FinishRollback)),
  'unit_of_work.create': own(work(data.CreateUnitOfWork)),
  'unit_of_work.time_out': own(work(data.OfWork)),
  'task.time_out': own(work(data.OfTaskAttempt)),
  'task.start_retry': own(work(data.OfTaskAttempt)),
} as const satisfies Record<CommandType, CommandKind>

export const isCommandType = (type: string): type is CommandType => Object.hasOwn(commandKinds, type)

/** The stream of the aggregate that a command is for. */
export const streamOf = (command: DomainCommand): string => {
  if ('client_id' in command.data && commandKinds[command.type].decider === 'journey')
    return journeyStream(command.data.client_id)
  if ('work_id' in command.data) return unitOfWorkStream(command.data.work_id)
  return agentStream((command.data as { agent_id: string }).agent_id)
}
