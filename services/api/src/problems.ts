import { STATUS_CODES } from 'node:http'
import { codeOf, familyOf, messageOf, type Detail, type Family } from '@journey/runtime'

/** The body of every answer that is no success (RFC 9457), with the stable code and the fields at fault. */
export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: string
  errors: readonly Detail[]
} & Readonly<Record<string, unknown>>

/** A problem on its way to the caller. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  constructor(readonly problem: Problem) {
    super(problem.detail)
  }
}

/** Makes a problem to throw; `more` are members beyond those of every problem. */
export const problem = (
  status: number,
  code: string,
  detail: string,
  errors: readonly Detail[] = [],
  more: Readonly<Record<string, unknown>> = {},
): ProblemError =>
  new ProblemError({
    // The code says what happened; a type beyond this would say it twice (RFC 9457 section 4.2.1).
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    errors,
    ...more,
  })

const statusOfCode: Readonly<Record<string, number>> = {
  'json/too_large': 413,
  'json/unreadable': 400,
  'json/not_utf8': 400,
}

const statusOfFamily: Record<Family, number> = {
  refused: 409,
  malformed: 422,
  conflict: 409,
  unavailable: 503,
  bug: 500,
}

/** What fastify says before a handler runs, in our words. */
const frameworkErrors: Readonly<Record<string, { status: number; code: string; detail: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'json/too_large', detail: 'The body is larger than 256 KiB' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'request/media_type_unsupported',
    detail: 'Bodies are taken as application/json',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'request/content_length_wrong',
    detail: 'The body is not as long as Content-Length says',
  },
  // Whoever asked went away in mid-body; nobody reads the answer.
  ECONNRESET: { status: 400, code: 'request/content_length_wrong', detail: 'The body broke off' },
  FST_ERR_BAD_URL: { status: 400, code: 'request/url_invalid', detail: 'The path is not validly percent-encoded' },
}

/** Whatever was thrown, as the problem its caller is told. Bugs say nothing of the inside. */
export const problemOf = (error: unknown): Problem => {
  if (error instanceof ProblemError) return error.problem
  const { code, statusCode, validation, validationContext } = error as FrameworkError
  if (validation) {
    const errors = validation.map((one) => fieldProblem(one, validationContext ?? 'request'))
    return problem(422, 'request/invalid', errors.map(({ message }) => message).join('; '), errors).problem
  }
  const known = code === undefined ? undefined : frameworkErrors[code]
  if (known) return problem(known.status, known.code, known.detail).problem
  if (code?.startsWith('FST_') && statusCode !== undefined && statusCode < 500)
    return problem(statusCode, 'request/invalid', messageOf(error)).problem
  const family = familyOf(error)
  if (family === 'bug') return problem(500, 'internal/bug', 'Something went wrong here; the log knows more').problem
  const { details } = error as { details?: readonly Detail[] }
  return problem(statusOfCode[codeOf(error)] ?? statusOfFamily[family], codeOf(error), messageOf(error), details)
    .problem
}

type FrameworkError = {
  code?: string
  statusCode?: number
  validation?: AjvError[]
  validationContext?: string
}

type AjvError = { keyword: string; instancePath: string; message?: string; params: Record<string, unknown> }

const fieldProblem = ({ keyword, instancePath, message, params }: AjvError, where: string): Detail => {
  if (keyword === 'additionalProperties') {
    const field = String(params.additionalProperty)
    return { field, code: 'unknown_field', message: `${field} is not a parameter of this ${where}` }
  }
  const field =
    instancePath.slice(1).replaceAll('/', '.') ||
    (typeof params.missingProperty === 'string' ? params.missingProperty : where)
  const allowed = Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(', ')}` : ''
  return { field, code: keyword, message: `${field} ${message ?? 'is not valid'}${allowed}` }
}
