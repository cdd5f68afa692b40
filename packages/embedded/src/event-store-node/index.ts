export { createEventStoreNode } from './event-store-node.js'
