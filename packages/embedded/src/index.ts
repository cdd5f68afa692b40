export { createEventStoreNode } from './event-store-node/index.js'
