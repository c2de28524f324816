package gantry;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** One name server and one broker on loopback: what the README calls a real deployment. */
public final class Deployment implements AutoCloseable {
    private final Kind kind;
    private final Path directory;
    private final Map<String, String> settings;
    private final int nameServerPort = Peers.freePort();
    private final int brokerPort = Peers.freePort();
    private final Server nameServer;
    private Server broker;

    private Deployment(Kind nameServer, Kind kind, Path directory, Map<String, String> settings) {
        this.kind = kind;
        this.directory = directory;
        this.settings = settings;
        this.nameServer = Peers.nameServer(nameServer, directory, nameServerPort);
        try {
            startBroker();
        } catch (RuntimeException cause) {
            this.nameServer.kill();
            throw cause;
        }
    }

    /** Starts both in a directory of their own. */
    public static Deployment start(Kind kind, Map<String, String> settings) throws IOException {
        return start(kind, kind, settings);
    }

    /** Starts a name server of one kind and a broker of another. */
    public static Deployment start(Kind nameServer, Kind broker, Map<String, String> settings) throws IOException {
        return new Deployment(nameServer, broker, Peers.directory(broker.name().toLowerCase()), settings);
    }

    /** Starts the broker, again if it was killed or stopped. */
    public void startBroker() {
        broker = Peers.broker(kind, directory, brokerPort, nameServerAddress(), settings);
    }

    /** Stops the broker as an operator would. */
    public void stopBroker() {
        broker.close();
    }

    /** Kills the broker. */
    public void killBroker() {
        broker.kill();
    }

    /** host:port of the name server. */
    public String nameServerAddress() {
        return "127.0.0.1:" + nameServerPort;
    }

    /** host:port of the broker. */
    public String brokerAddress() {
        return "127.0.0.1:" + brokerPort;
    }

    /** Where the broker keeps its files. */
    public Path store() {
        return directory.resolve("store");
    }

    /** Where everything of this deployment lies. */
    public Path directory() {
        return directory;
    }

    /** Stops both. Java's broker, which takes 15 s to stop, is killed unless it was stopped before. */
    @Override
    public void close() {
        if (kind == Kind.APACHE) {
            broker.kill();
            nameServer.kill();
            return;
        }
        try (nameServer; Server first = broker) {
            // Both are stopped, the broker first, even if one refuses.
        }
    }
}
