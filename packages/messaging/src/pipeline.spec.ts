import { expect } from 'chai'
import { pipeline, type Middleware } from './pipeline.js'
import { messageOf } from './testing/message.js'

describe('a pipeline', () => {
  const steps: string[] = []
  const step =
    (name: string): Middleware =>
    (next) =>
    async (message) => {
      steps.push(`${name} in`)
      await next(message)
      steps.push(`${name} out`)
    }

  it('runs the first middleware outermost and the handler last', async () => {
    const handle = pipeline(step('a'), step('b'), () => Promise.resolve(void steps.push('handled')))
    await handle(messageOf({}))
    expect(steps).to.deep.equal(['a in', 'b in', 'handled', 'b out', 'a out'])
  })
})
