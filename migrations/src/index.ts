export { migrate, migrationStatus, type MigrationStatus } from './migrate.js'
