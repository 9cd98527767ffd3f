import type { AdminRole } from '../../../web/api.ts';

export const ROLE_WORDS: Readonly<Record<AdminRole, string>> = {
  viewer: 'may look at everything',
  approver: 'may also switch access, answer requests and end sessions',
  admin: 'may do everything',
};

/** Which role somebody is to have, and what it may do. */
export function RoleChoice({ value, onChange }: { value: AdminRole; onChange: (role: AdminRole) => void }) {
  return (
    <fieldset class="choices stacked">
      <legend>Role</legend>
      {(['viewer', 'approver', 'admin'] as const).map((role) => (
        <label key={role} class="choice">
          <input type="radio" name="role" checked={value === role} onChange={() => onChange(role)} />
          <span>
            {role} <span class="muted">{ROLE_WORDS[role]}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
