export { openTestBroker, type Collection, type TestBroker } from './broker.js'
export { createCuttableLink, type CuttableLink } from './link.js'
export { eventually } from './eventually.js'
export { messageOf } from './message.js'
