import { codeOf, familyOf, messageOf } from '@journey/runtime'
import { Worker } from 'node:worker_threads'
import type { Forecaster } from '../forecast/forecaster.js'
import type { Question, Said } from './protocol.js'

export type ApartWork = {
  forecaster: Forecaster
  /** Tries a parked stream again, in earnest. */
  freeStream: (stream: string) => Promise<unknown>
}

/** Answers what the process that started this one asks, until that is gone: then nothing of this one is left either. */
export const serveApart = ({ forecaster, freeStream }: ApartWork): void => {
  dieWithParent()
  const answerTo = async (question: Question): Promise<Said> => {
    switch (question.do) {
      case 'foresee_message': {
        const { body, ...retry } = question.retry
        return { foreseen: await forecaster.message({ ...retry, body: Buffer.from(body) }) }
      }
      case 'foresee_stream':
        return { foreseen: await forecaster.stream(question.stream) }
      case 'free_stream':
        await freeStream(question.stream)
        return { freed: true }
      case 'answer':
        return { here: true }
    }
  }
  process.on('message', (question: Question) => {
    void answerTo(question)
      .catch((error: unknown): Said => ({
        fault: { family: familyOf(error), code: codeOf(error), message: messageOf(error) },
      }))
      .then(say)
  })
  process.on('disconnect', () => process.exit(0))
  if (!process.connected) process.exit(0) // gone while this one started
  say({ ready: true })
}

const say = (said: Said): void => void process.send?.(said)

/** A thread of its own, since what is tried here may keep this one busy for ever. */
const dieWithParent = (): void => {
  const watch = `setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), 500)`
  new Worker(watch, { eval: true }).unref()
}
