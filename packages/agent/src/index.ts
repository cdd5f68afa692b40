export { createAgent, type AgentOptions, type IntentHandler } from './agent.js'
export { type Output } from './answer.js'
export { type Task } from './task.js'
export { TaskFailure } from './task-failure.js'
