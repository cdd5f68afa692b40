export { common, createServiceContainer } from './container.js'
export { frame } from './frame.js'
export { drainOf, guarded } from './guarded.js'
