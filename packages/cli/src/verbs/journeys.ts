import { InvalidArgumentError, type Command } from 'commander'
import { path } from '../api.js'
import type { Action } from '../program.js'
import { tellCommand } from './commanding.js'

type OfClient = { clientId: string; idempotencyKey?: string }

const list = (text: string): string[] => {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  if (items.length === 0) throw new InvalidArgumentError('Name at least one, separated by commas.')
  return items
}

const whole = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

const object = (text: string): object => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // told below
  }
  throw new InvalidArgumentError('It must be a JSON object.')
}

/** The verbs that command a journey. */
export const journeyVerbs = (program: Command, action: Action): void => {
  const verb = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .requiredOption('--client-id <id>', 'the client')
      .option('--idempotency-key <key>', 'the same key acts once, however often it is sent')

  verb('start', 'start a journey')
    .requiredOption('--data-sources <names>', 'such as salesforce,jira,confluence', list)
    .option('--connectors <names>', 'default: one for each data source', list)
    .option('--users <names>', 'users of the pilot', list)
    .option('--pilot-cohort-size <count>', 'default: 10', whole)
    .option('--contract-signed', 'the contract is signed')
    .option('--parameters <json>', 'go with every task, such as {"auto_approve": true}', object)
    .action(
      action(async (context, options: OfClient & StartOptions) => {
        const { clientId, dataSources, connectors, users, pilotCohortSize, contractSigned, parameters } = options
        const body = {
          client_id: clientId,
          data_sources: dataSources,
          connectors,
          users,
          pilot_cohort_size: pilotCohortSize,
          contract_signed: contractSigned,
          parameters,
        }
        return tellCommand(context, `${clientId} is in sandbox`, '/journeys', body, options.idempotencyKey)
      }),
    )

  verb('promote', 'promote to the next stage')
    .option('--to-stage <stage>', 'must be the next one')
    .option('--reason <text>', 'why')
    .action(
      action(async (context, { clientId, toStage, reason, idempotencyKey }: OfClient & ToStage) =>
        tellCommand(
          context,
          `${clientId} is promoted`,
          path`/journeys/${clientId}/promote`,
          { to_stage: toStage, reason },
          idempotencyKey,
        ),
      ),
    )

  verb('rollback', 'roll back to the stage before')
    .requiredOption('--reason <text>', 'why')
    .option('--to-stage <stage>', 'must be the one before')
    .option('--category <name>', 'default: manual')
    .action(
      action(
        async (
          context,
          { clientId, toStage, reason, category, idempotencyKey }: OfClient & ToStage & { category?: string },
        ) =>
          tellCommand(
            context,
            `${clientId} is being rolled back`,
            path`/journeys/${clientId}/rollback`,
            { to_stage: toStage, reason, category },
            idempotencyKey,
          ),
      ),
    )

  for (const [name, description, done] of [
    ['hold', 'hold promotion', 'promotion is held'],
    ['release', 'release a hold', 'promotion is released'],
    ['cancel', 'cancel for good', 'the journey is cancelled'],
  ] as const)
    verb(name, description)
      .requiredOption('--reason <text>', 'why')
      .action(
        action(async (context, { clientId, reason, idempotencyKey }: OfClient & { reason: string }) =>
          tellCommand(
            context,
            `${clientId}: ${done}`,
            `${path`/journeys/${clientId}`}/${name}`,
            { reason },
            idempotencyKey,
          ),
        ),
      )

  verb('complete', 'complete a journey in production')
    .option('--reason <text>', 'why')
    .action(
      action(async (context, { clientId, reason, idempotencyKey }: OfClient & { reason?: string }) =>
        tellCommand(
          context,
          `${clientId} is completed`,
          path`/journeys/${clientId}/complete`,
          { reason },
          idempotencyKey,
        ),
      ),
    )
}

type ToStage = { toStage?: string; reason?: string }
type StartOptions = {
  dataSources: string[]
  connectors?: string[]
  users?: string[]
  pilotCohortSize?: number
  contractSigned?: boolean
  parameters?: object
}
