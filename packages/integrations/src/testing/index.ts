export { createSink, type Answer, type Received, type Sink } from './sink.js'
