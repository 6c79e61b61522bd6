# Tries connections from inside a pod, and listens there; see agents/README.md for what it is told and says.
use strict;
use warnings;
use Errno qw(EINPROGRESS ECONNREFUSED ETIMEDOUT);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use IO::Select;
use Socket qw(:DEFAULT :addrinfo inet_ntop inet_pton pack_sockaddr_in6 unpack_sockaddr_in6 SOMAXCONN SO_REUSEADDR);
use Time::HiRes qw(time);

use constant AT_ONCE => 64;
my $ends = time + shift;
my ($said, $seconds, @wanted, %listener, %trying) = ('', 0);
my ($reads, $writes) = (IO::Select->new(\*STDIN), IO::Select->new);
$SIG{PIPE} = sub { exit 0 };
$| = 1;

sub place {
    my ($address, $port) = @_;
    return $address =~ /:/
        ? (AF_INET6, pack_sockaddr_in6($port, inet_pton(AF_INET6, $address) // die "no address\n"))
        : (AF_INET, pack_sockaddr_in($port, inet_pton(AF_INET, $address) // die "no address\n"));
}

sub unblocked {
    my ($handle) = @_;
    fcntl($handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK) or die "$!\n";
}

sub listen_on {
    my ($port) = @_;
    # On every address, of either family where there are both.
    my ($handle, $here);
    if (socket($handle, AF_INET6, SOCK_STREAM, 0)) {
        $here = pack_sockaddr_in6($port, inet_pton(AF_INET6, '::'));
    } else {
        socket($handle, AF_INET, SOCK_STREAM, 0) or die "$!\n";
        $here = pack_sockaddr_in($port, INADDR_ANY);
    }
    setsockopt($handle, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($handle, $here) or die "$!\n";
    listen($handle, SOMAXCONN) or die "$!\n";
    unblocked($handle);
    $listener{fileno $handle} = $handle;
    $reads->add($handle);
}

sub connect_to {
    my ($key, $address, $port) = @_;
    my ($family, $there) = place($address, $port);
    socket(my $handle, $family, SOCK_STREAM, 0) or die "$!\n";
    unblocked($handle);
    if (connect($handle, $there)) { print "$key open\n"; return }
    if ($! == ECONNREFUSED) { print "$key refused\n"; return }
    die "$!\n" unless $! == EINPROGRESS;
    $trying{fileno $handle} = { key => $key, handle => $handle, until => time + $seconds };
    $writes->add($handle);
}

# In a process of its own: the resolver blocks.
sub look_up {
    my ($key, $name) = @_;
    pipe(my $out, my $in) or die "$!\n";
    my $child = fork // die "$!\n";
    if (!$child) {
        my ($error, @found) = getaddrinfo($name, '', { socktype => SOCK_STREAM });
        my @addresses = map {
            $_->{family} == AF_INET6
                ? inet_ntop(AF_INET6, (unpack_sockaddr_in6($_->{addr}))[1])
                : inet_ntop(AF_INET, (unpack_sockaddr_in($_->{addr}))[1])
        } @found;
        syswrite $in, $error ? "error $error" : 'found ' . join(',', @addresses);
        require POSIX;
        POSIX::_exit(0);
    }
    close $in;
    $trying{fileno $out} = { key => $key, handle => $out, until => time + $seconds, child => $child };
    $reads->add($out);
}

sub finish {
    my ($handle, $words) = @_;
    my $try = delete $trying{fileno $handle};
    $reads->remove($handle);
    $writes->remove($handle);
    if ($try->{child}) { kill 'KILL', $try->{child}; waitpid $try->{child}, 0 }
    close $handle;
    print "$try->{key} $words\n";
}

sub obey {
    my ($command, @words) = split ' ', shift;
    if ($command eq 'listen') {
        eval { listen_on($words[0]); print "listening $words[0]\n"; 1 } or print "deaf $words[0] $@";
    } elsif ($command eq 'go') {
        $seconds = $words[0];
    } else {
        push @wanted, [$command, @words];
    }
}

sub begin {
    while ($seconds && @wanted && keys %trying < AT_ONCE) {
        my ($command, @words) = @{ shift @wanted };
        eval { $command eq 'tcp' ? connect_to(@words) : look_up(@words); 1 } or print "$words[0] error $@";
    }
    if ($seconds && !@wanted && !%trying) { $seconds = 0; print "done\n" }
}

sub read_commands {
    my $got = sysread STDIN, my $text, 65536;
    exit 0 if !$got;
    $said .= $text;
    while ($said =~ s/^([^\n]*)\n//) { obey($1) if length $1 }
}

sub connected {
    my ($handle) = @_;
    my $error = unpack 'i', getsockopt($handle, SOL_SOCKET, SO_ERROR);
    local $! = $error;
    finish($handle, $error == 0 ? 'open' : $error == ECONNREFUSED ? 'refused' : $error == ETIMEDOUT ? 'silent' : "error $!");
}

sub resolved {
    my ($handle) = @_;
    sysread $handle, my $words, 65536;
    finish($handle, $words || 'error no answer');
}

print "ready\n";
while (time < $ends) {
    begin();
    my ($readable, $writable) = IO::Select->select($reads, $writes, undef, 0.2);
    for my $handle (@{ $writable || [] }) { connected($handle) }
    for my $handle (@{ $readable || [] }) {
        if ($handle == \*STDIN) { read_commands() }
        elsif ($listener{fileno $handle}) { if (accept(my $caller, $handle)) { close $caller } }
        else { resolved($handle) }
    }
    for my $try (values %trying) { finish($try->{handle}, 'silent') if time > $try->{until} }
}
