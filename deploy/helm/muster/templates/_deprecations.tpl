{{/*
A key that was renamed stops the upgrade with its new name. The schema would stop it, too, without saying what to do, and runs first:
so a renamed key stays in the schema, with `true` for any value, and here, for two minor versions. UPGRADING.md lists them.
Each: dict "from" "old.path" "to" "new.path".
*/}}
{{- define "muster.renamed" -}}[]{{- end }}

{{- define "muster.deprecations" -}}
{{- $values := .Values }}
{{- range include "muster.renamed" . | fromYamlArray }}
{{- $found := $values }}
{{- range splitList "." .from }}
{{- $found = ternary (get $found .) nil (and (kindIs "map" $found) (hasKey (default dict $found) .)) }}
{{- end }}
{{- if not (kindIs "invalid" $found) }}
{{- fail (printf "\n%s is %s now. See UPGRADING.md." .from .to) }}
{{- end }}
{{- end }}
{{- end }}
