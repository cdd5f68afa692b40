export { createSink, type Received, type Sink } from './sink.js'
