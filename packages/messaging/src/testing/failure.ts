import { Fault } from '@journey/runtime'

/** The fault a promise rejects with; anything else fails the spec. */
export const failure = async (promise: Promise<unknown>): Promise<Fault> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw new Error(`Expected a fault, got ${String(error)}`)
  return error
}
