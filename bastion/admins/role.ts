/** What an administrator may do. Each role may do all that the ones before it may. */
export const ADMIN_ROLES = ['viewer', 'approver', 'admin'] as const;

/** `viewer` reads; `approver` also switches access and ends sessions; `admin` does everything. */
export type AdminRole = (typeof ADMIN_ROLES)[number];

/** True when `role` includes everything that `needed` may do. */
export function roleIncludes(role: AdminRole, needed: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed);
}
