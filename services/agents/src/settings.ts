import { buildMessage, IsIn, IsInt, IsNumber, IsPositive, Max, Min, ValidateBy } from 'class-validator'
import { FromEnv, ServerSettings } from '@journey/runtime'
import { readByName, type ByName } from './measurements.js'

const measurementsIn = (json: unknown): ByName | string => {
  try {
    return readByName(JSON.parse(String(json)))
  } catch {
    return 'it is not JSON'
  }
}

const IsMeasurements = (): PropertyDecorator =>
  ValidateBy({
    name: 'measurements',
    validator: {
      validate: (value) => typeof measurementsIn(value) !== 'string',
      defaultMessage: buildMessage(
        (each) => `${each}$property must be a JSON object of measured values by name, such as {"precision":0.92}`,
      ),
    },
  })

/** The reference agents' settings. */
export class Settings extends ServerSettings {
  /** `off` leaves the intents to agents from outside. */
  @FromEnv('JOURNEY_AGENTS') @IsIn(['on', 'off']) agents = 'on'
  /** Enough to see tasks run side by side, little enough for a demo. */
  @FromEnv('JOURNEY_AGENTS_DELAY_MS') @IsInt() @Min(0) @Max(3_600_000) delayMs = 40
  /** The share of attempts that fail, 0 to 1. */
  @FromEnv('JOURNEY_AGENTS_FAILURE_RATE') @IsNumber() @Min(0) @Max(1) failureRate = 0
  /** Values that validators report instead of their own, by name of the measurement. */
  @FromEnv('JOURNEY_AGENTS_MEASUREMENTS') @IsMeasurements() measurementsJson = '{}'
  /** How often an agent says that it lives; the same variable tells the orchestrator how long to believe it. */
  @FromEnv('JOURNEY_AGENT_HEARTBEAT_SECONDS') @IsPositive() heartbeatSeconds = 10

  get measurements(): ByName {
    return measurementsIn(this.measurementsJson) as ByName
  }
}
