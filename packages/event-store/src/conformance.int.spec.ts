import { testEventStoreUrl } from '@journey/embedded/testing'
import { conformance, eventStoreDb, ourNode } from './testing/index.js'

const { EVENT_STORE_URL: given, CONFORMANCE_HISTORIES: runs } = process.env

conformance({
  url: given ?? testEventStoreUrl(),
  promises: given === undefined ? ourNode : eventStoreDb,
  histories: Number(runs ?? 40),
})
