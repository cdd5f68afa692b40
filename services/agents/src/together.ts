import type { Part } from '@journey/runtime'

/** Parts that start and stop side by side. A failed start leaves the others to `stop()`. */
export const together = (name: string, parts: readonly Part[]): Part => ({
  name,
  start: async () => {
    await Promise.all(parts.map((part) => part.start()))
  },
  stop: async () => {
    await Promise.all(parts.map((part) => part.stop()))
  },
})
