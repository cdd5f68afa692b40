export { recordedEvents } from './recorded-events.js'
export { problemsOf, type Release } from './compatibility.js'
export { readReleases, record, unrecorded } from './releases.js'
export { agentCreated, knowledgeShared } from './events-of-others.js'
