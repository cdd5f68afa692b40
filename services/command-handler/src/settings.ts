import { IsInt, Min } from 'class-validator'
import { FromEnv, ServerSettings } from '@journey/runtime'

export class Settings extends ServerSettings {
  /** How many aggregates stay folded in memory; about 10 KiB each. */
  @FromEnv('JOURNEY_AGGREGATE_CACHE') @IsInt() @Min(1) aggregateCache = 2_000
  /** How long the outcome of a command is kept at least; the contract promises 24 h. */
  @FromEnv('JOURNEY_COMMAND_RETENTION_HOURS') @IsInt() @Min(24) commandRetentionHours = 48
}
