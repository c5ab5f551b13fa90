{{- define "oagw.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "oagw.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "oagw.labels" -}}
{{ include "oagw.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "oagw.secret" -}}
{{- .Values.existingSecret | default (include "oagw.name" .) -}}
{{- end -}}

{{- define "oagw.image" -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .default) -}}
{{- end -}}

{{- /* What several pods or workers would do without a shared state is each its own, so it is refused. */ -}}
{{- define "oagw.hasState" -}}
{{- if or .Values.valkey.enabled .Values.state.url .Values.state.existingSecret -}}yes{{- end -}}
{{- end -}}

{{- define "oagw.checkState" -}}
{{- $shares := include "oagw.hasState" . -}}
{{- if and (not $shares) (gt (int .Values.replicaCount) 1) -}}
{{- fail (printf "replicaCount %d needs a state that the pods share: valkey.enabled, state.url or state.existingSecret" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and (not $shares) (ne (toString .Values.workers) "1") -}}
{{- fail (printf "workers %v needs a state that they share: valkey.enabled, state.url or state.existingSecret" .Values.workers) -}}
{{- end -}}
{{- $given := list -}}
{{- if .Values.valkey.enabled -}}{{- $given = append $given "valkey.enabled" -}}{{- end -}}
{{- if .Values.state.url -}}{{- $given = append $given "state.url" -}}{{- end -}}
{{- if .Values.state.existingSecret -}}{{- $given = append $given "state.existingSecret" -}}{{- end -}}
{{- if gt (len $given) 1 -}}
{{- fail (printf "choose one of %s" (join ", " $given)) -}}
{{- end -}}
{{- range $key := list "host" "port" "listen" "control-listen" "token" "admin-token" "workers" "state" "drain-timeout" -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s is set by the chart: use its own values" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "oagw.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "oagw.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
