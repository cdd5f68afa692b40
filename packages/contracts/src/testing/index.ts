export { recordedEvents } from './recorded-events.js'
