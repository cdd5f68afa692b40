export { breakable, type Breakable } from './breakable.js'
export { anEvent, freshStream, typesIn } from './events.js'
