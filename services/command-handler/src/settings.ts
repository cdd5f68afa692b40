import { IsInt, Min } from 'class-validator'
import { FromEnv, ServerSettings } from '@journey/runtime'

export class Settings extends ServerSettings {
  /** How many aggregates of each kind stay folded in memory; mostly about 10 KiB each. */
  @FromEnv('JOURNEY_AGGREGATE_CACHE') @IsInt() @Min(1) aggregateCache = 2_000
  /** How large they may be in all, of each kind, as JSON; in memory it is about twice that. Large inputs and outputs make large ones. */
  @FromEnv('JOURNEY_AGGREGATE_CACHE_MIB') @IsInt() @Min(1) aggregateCacheMiB = 64
  /** Events of a stream between two snapshots: half of them are read after one on average. 0: none are written. */
  @FromEnv('JOURNEY_SNAPSHOT_EVERY') @IsInt() @Min(0) snapshotEvery = 100
  /** How long the outcome of a command is kept at least; the contract promises 24 h. */
  @FromEnv('JOURNEY_COMMAND_RETENTION_HOURS') @IsInt() @Min(24) commandRetentionHours = 48
}
