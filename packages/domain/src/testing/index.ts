export { catalog, config, goodAgents, simulation, type Agents } from './simulation.js'
