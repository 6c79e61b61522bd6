# Tries connections from inside a pod; see agents/README.md for what it is told and says. Bash cannot listen.
at_once=32
ends=$((SECONDS + $1))
wanted=()

connect_to() { # seconds key address port
    local words status
    words=$(timeout "$1" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$3" "$4" 2>&1)
    status=$?
    case "$status $words" in
        0\ *) printf '%s open\n' "$2" ;;
        124\ * | *'timed out'*) printf '%s silent\n' "$2" ;;
        *refused*) printf '%s refused\n' "$2" ;;
        *) words=${words##*: } && printf '%s error %s\n' "$2" "${words//$'\n'/ }" ;;
    esac
}

look_up() { # seconds key name
    local found address addresses=
    found=$(timeout "$1" getent ahosts "$3")
    case $? in
        0) ;;
        124) printf '%s silent\n' "$2"; return ;;
        *) printf '%s error not found\n' "$2"; return ;;
    esac
    while read -r address _; do addresses+="${addresses:+,}$address"; done < <(printf '%s\n' "$found")
    printf '%s found %s\n' "$2" "$addresses"
}

go() { # seconds
    local line command key first second running=0
    for line in "${wanted[@]}"; do
        read -r command key first second < <(printf '%s\n' "$line")
        if ((running >= at_once)); then wait -n; else running=$((running + 1)); fi
        case $command in
            tcp) connect_to "$1" "$key" "$first" "$second" & ;;
            name) look_up "$1" "$key" "$first" & ;;
        esac
    done </dev/null
    wait
    wanted=()
    printf 'done\n'
}

printf 'ready\n'
while ((SECONDS < ends)) && read -r -t $((ends - SECONDS)) line; do
    case $line in
        listen\ *) printf 'deaf %s bash cannot listen\n' "${line#listen }" ;;
        go\ *) go "${line#go }" ;;
        ?*) wanted+=("$line") ;;
    esac
done
