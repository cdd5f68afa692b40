import { IsInt, Max, Min } from 'class-validator'
import { projectorQueues } from '@journey/contracts'
import { FromEnv, ServerSettings } from '@journey/runtime'

export class Settings extends ServerSettings {
  /** How many events may be published and not yet confirmed; 1,000 give full speed (measured on RabbitMQ 3.10.8). */
  @FromEnv('JOURNEY_RELAY_WINDOW') @IsInt() @Min(1) @Max(10_000) window = 1_000
  /** As the projector has it, for the very first start: the relay sees to it that every queue is there before the first event. */
  @FromEnv('JOURNEY_PROJECTOR_QUEUES') @IsInt() @Min(1) @Max(64) projectorQueues = projectorQueues
  /** How often what is bound is compared with the table: a missing binding is found within a minute, looking included. */
  @FromEnv('JOURNEY_RELAY_BINDINGS_MS') @IsInt() @Min(100) @Max(60_000) bindingsMs = 45_000
}
