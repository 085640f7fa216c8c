"""Who is who: tenants, units, people, grants, settings, calendars and keys."""
