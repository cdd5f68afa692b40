/** What `npm test` tells the specs. */
export type TestEnvironment = {
  /** Database `postgres`, as superuser. */
  JOURNEY_TEST_DATABASE_URL: string
  JOURNEY_TEST_RABBITMQ_URL: string
  JOURNEY_TEST_RABBITMQ_MANAGEMENT_URL: string
  JOURNEY_TEST_EVENT_STORE_URL: string
}

/** Specs have no main.ts that could hand the environment in, so it is read here. */
export const testEnvironment = (name: keyof TestEnvironment): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run this spec through npm test (npm test -- --spec <path>)`)
  return value
}
