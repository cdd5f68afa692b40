import type { Configuration } from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { crmChannel, isCrmOn } from '@journey/handlers'
import type { Database } from '@journey/read-model'
import type { ApiSettings } from '../../settings.js'
import { createForecaster, type Forecaster } from './forecaster.js'

/** An agent is alive while it was heard of within so many of its heartbeats. */
export const missedHeartbeats = 3

/** The forecaster of a process with these settings. @param store as its readers see it, nothing sealed */
export const forecasterOf = ({
  db,
  store,
  settings,
  configuration,
}: {
  db: Database['db']
  store: EventStore
  settings: Readonly<ApiSettings>
  configuration: Configuration
}): Forecaster =>
  createForecaster({
    db,
    store,
    configuration,
    channels: [crmChannel({ url: settings.crmWebhookUrl, isEnabled: isCrmOn(settings) })],
    aliveWithinMs: missedHeartbeats * configuration.heartbeat_ms,
    now: () => new Date(),
  })
