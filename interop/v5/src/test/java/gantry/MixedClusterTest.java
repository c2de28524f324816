package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.Test;

/** A broker of each kind under one name server, of either kind. */
class MixedClusterTest {
    @Test
    void bothBrokersUnderOurNameServer() throws Exception {
        journey(Kind.GANTRY);
    }

    @Test
    void bothBrokersUnderApachesNameServer() throws Exception {
        journey(Kind.APACHE);
    }

    private static void journey(Kind nameServerKind) throws Exception {
        Path directory = Peers.directory("mixed");
        int port = Peers.freePort();
        String address = "127.0.0.1:" + port;
        try (Server nameServer = Peers.nameServer(nameServerKind, directory.resolve("ns"), port);
            Server ours = Peers.broker(Kind.GANTRY, directory.resolve("ours"), Peers.freePort(), address,
                Map.of("brokerName", "broker-gantry"));
            Server apaches = Peers.broker(Kind.APACHE, directory.resolve("apaches"), Peers.freePort(), address,
                Map.of("brokerName", "broker-apache"))) {
            DefaultMQAdminExt admin = Clients.admin(address);
            Peers.await("both brokers in the cluster", 90, () -> {
                try {
                    return admin.examineBrokerClusterInfo().getBrokerAddrTable().keySet()
                        .equals(new TreeSet<>(List.of("broker-apache", "broker-gantry")));
                } catch (Exception notYet) {
                    return false;
                }
            });
            DefaultMQProducer producer = Clients.producer(address, "Mixed");
            Peers.await("a template on both brokers", 90, () -> {
                try {
                    return producer.fetchPublishMessageQueues("TBW102").stream()
                        .map(queue -> queue.getBrokerName()).distinct().count() == 2;
                } catch (Exception notYet) {
                    return false;
                }
            });
            TreeSet<String> brokers = new TreeSet<>();
            for (int i = 0; i < 80; i++) {
                brokers.add(producer.send(Clients.message("MixedTopic", "TagA", "key" + i, "body " + i))
                    .getMessageQueue().getBrokerName());
            }
            assertEquals(new TreeSet<>(List.of("broker-apache", "broker-gantry")), brokers);
            ConcurrentSkipListSet<String> seen = new ConcurrentSkipListSet<>();
            DefaultMQPushConsumer consumer = Clients.consumer(address, "MixedGroup");
            consumer.subscribe("MixedTopic", "*");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(message -> seen.add(Clients.text(message.getBody())));
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
            Peers.await("all 80 from both", 60, () -> seen.size() == 80);
            assertTrue(nameServer.output().contains("boot success"));
            consumer.shutdown();
            producer.shutdown();
            admin.shutdown();
            apaches.kill();
        }
    }
}
