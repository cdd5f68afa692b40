/** What is awaited comes within this time even on a busy machine, or never. */
const patienceMs = 20_000

/** Waits for something named, and says what did not come when it does not. */
export const within = async <T>(what: string, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const missed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${patienceMs / 1_000} s`)), patienceMs)
  })
  try {
    return await Promise.race([promise, missed])
  } finally {
    clearTimeout(timer)
  }
}
