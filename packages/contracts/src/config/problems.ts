import { Fault, malformed, messageOf, type Detail } from '@journey/runtime'

/** What reading gives; what it throws joins the problems, and nothing comes of it. */
export const attempt = <T>(read: () => T, problems: Detail[], where = ''): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof Fault && error.details.length > 0) problems.push(...error.details)
    else problems.push(problem(where.replace(/: $/, ''), 'unreadable', messageOf(error)))
    return undefined
  }
}

export const problem = (field: string, code: string, message: string): Detail => ({ field, code, message })

/** Every problem at once. */
export const invalid = (problems: readonly Detail[]): Fault =>
  malformed(
    'config/invalid',
    `The configuration has ${problems.length} problem(s):\n${problems.map(({ field, message }) => `  ${field}: ${message}`).join('\n')}`,
    problems,
  )
