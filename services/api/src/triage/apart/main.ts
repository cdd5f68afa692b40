import 'reflect-metadata'
import { loadConfiguration, sealOf } from '@journey/contracts'
import { createEventStore, sealedStore } from '@journey/event-store'
import { createDatabase, readModelConsumer, retryParked } from '@journey/read-model'
import { readSettings, silentLog } from '@journey/runtime'
import { ApiSettings } from '../../settings.js'
import { forecasterOf } from '../forecast/composed.js'
import { serveApart } from './child.js'

const log = silentLog() // who asks tells what became of it
const settings = readSettings(ApiSettings, process.env)
const database = createDatabase({
  url: settings.databaseUrl,
  encryption: settings.encryption,
  name: 'api apart',
  poolSize: 2,
  log,
})
const { db, vault } = database
const stored = createEventStore({ url: settings.eventStoreUrl, log })
const store = sealedStore(stored, sealOf(vault, log))
const consumer = readModelConsumer(db, store)

// Whether the servers are there is found out before the first question: its time is short. One that is away says so then.
await Promise.allSettled([database.check(), stored.check()])

serveApart({
  forecaster: forecasterOf({ db, store, settings, configuration: loadConfiguration(settings.configDir, process.env) }),
  freeStream: (stream) => retryParked(consumer, stream),
})
